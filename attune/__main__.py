"""`python -m attune` is the command `attune`."""

from attune.cli.main import main

if __name__ == "__main__":
    main()
