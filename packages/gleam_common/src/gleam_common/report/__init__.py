"""results.json, predictions and curves -> a table for the terminal and one self-contained HTML page."""
