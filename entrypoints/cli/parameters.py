"""Parameters that several commands share."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

#: Maximum lines in a list. They are all read into memory before the first one is printed.
Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))]
#: A switch without a `--no-` form.
Flag = Annotated[bool, Parameter(negative="")]
