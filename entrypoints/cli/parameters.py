"""Parameters that several commands have."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

#: Lines of a list: every one is read into memory before the first is printed.
Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))]
#: A switch without a negative form.
Flag = Annotated[bool, Parameter(negative="")]
