"""An evaluation as tables of text, as JSON and as a report with figures."""
