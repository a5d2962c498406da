"""What the API answers: a module with a `router` for each topic; `attune/api/app.py` lists them."""
