"""The commands: one file for each, or for those that belong together; `cli.command_table` finds them."""
