"""What GLEAM-X is worth: predictions -> results.json and report.html, probes of what it looks at, and a judge."""
