"""Public archives of observed trains to the tidy log: one reader per format, one day at a time.

Every reader turns a day into the same table (`observed`), and `tidy` makes the same log of each: which event stands for a
passing, which rows are left out and why, is decided there once.
"""
