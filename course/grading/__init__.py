"""Grading for teachers: `python -m course grade FILE.ipynb …`, or in Python

    with Zygote() as zygote:
        graded = grade(Path("anna/02_attention.ipynb"), zygote)

An answer runs in a process that can do no harm and can reach nothing of the grader's; what it
returns comes back as plain numbers, and is compared here with the references and mistakes of
`course.exercises`. Nothing that an answer does to its own process changes a verdict.
"""

from course.grading.fork_server import Zygote
from course.grading.grader import STATUSES, Graded, Limits, Result, grade
