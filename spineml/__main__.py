"""``python -m spineml segment CT -o OUT.nii.gz``."""

import sys

from spineml.command_line.arguments import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
