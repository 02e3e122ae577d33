"""`python -m headway_prediction` is `headway`."""

import sys

from headway_prediction.cli import main

sys.exit(main())
