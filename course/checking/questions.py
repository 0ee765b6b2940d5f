"""Questions that lead on from what can be said of any wrong answer, whatever the exercise."""

CLUES = {
    "axes exchanged": (
        "The numbers are right, but their axes are not in the order that is asked for. Which axis"
        " comes first?"
    ),
    "True and False exchanged": (
        "Every entry is the opposite of the right one. What does True mean in a mask of this"
        " course?"
    ),
    "all zero": "Everything is zero. Is a result computed and then not used?",
    "shifted by one": (
        "Your numbers are the right ones, one place late. At which index does your loop or slice"
        " begin?"
    ),
    "the other sign": (
        "Every number has the wrong sign, and the right size. Where does a minus belong?"
    ),
}
FACTOR = (
    "Every number is off by the same factor. Where does it come from, or where was it forgotten?"
)
KINDS = {
    "nothing": ("nothing returned", "Does every way through your function end in a return?"),
    "type": (
        "another kind of result",
        "Which kind of result does the signature promise behind its arrow?",
    ),
    "parts": ("another number of results", "How many results does the signature promise?"),
    "axes": (
        "another number of axes",
        "Say aloud what each axis of this one counts: which one is missing, or too many?",
    ),
    "length": (
        "another length",
        "How many entries should there be: one for each of what? Which did you leave out or add?",
    ),
    "shape": (
        "wrong shape",
        "Write the shape beside each of your lines: at which one do the axes go another way than"
        " you thought?",
    ),
    "not boolean": (
        "not boolean",
        "A comparison gives True and False by itself; what turned them into numbers?",
    ),
    "not a number": (
        "not a number",
        "Which operation gives nan: 0/0, ∞ − ∞, or the logarithm or root of a negative number?",
    ),
    "coarse": (
        "too few digits",
        "Numbers of this kind keep about three digits. Which of your lines makes them?",
    ),
}
_SHAPES = ("shape", "size", "mat1", "mat2", "broadcast", "dimension", "axes", "ellipsis", "axis")


def after_error(error: BaseException, text: str) -> str:
    """A question that fits an error."""
    if isinstance(error, NameError):
        return "Which name does Python not know here: is it misspelt, or its import missing?"
    if isinstance(error, NotImplementedError):
        return "Part of your function is still to be written. Which input leads there?"
    if isinstance(error, RecursionError):
        return "Your function calls itself. What must happen for the last call to return?"
    if isinstance(error, SystemExit):
        return "An answer returns its result. Which line ends the program instead?"
    if any(word in text.lower() for word in _SHAPES):
        return "Write the shapes of both sides beside this line. Which axis does not fit?"
    if isinstance(error, (IndexError, KeyError)):
        return "Which indices are there, counted from 0? Which one does this line ask for?"
    if isinstance(error, AttributeError):
        return "What kind of thing stands before the dot? `type(…)` tells you."
    if isinstance(error, TypeError):
        return "Which arguments does this call take, and of which kind is each that you give?"
    return "What did you expect to hold on this line? Print it just before, and compare."
