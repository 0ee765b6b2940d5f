"""The checker that the import hook of `conftest.py` puts around every function of `nmt`."""

from beartype import BeartypeConf, beartype

# An int is welcome where a float is asked for, as type checkers have it.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
