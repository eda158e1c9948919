"""python -m vultus"""

from vultus.cli import main

if __name__ == "__main__":
    main()
