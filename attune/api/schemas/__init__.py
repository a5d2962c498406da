"""What the API takes and gives, as Pydantic models with units in their descriptions."""
