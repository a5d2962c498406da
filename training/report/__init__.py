"""The evaluation report: what is measured on people a model never heard, and the page that shows it."""
