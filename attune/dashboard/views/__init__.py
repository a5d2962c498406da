"""How things look: values in, HTML or a chart out; no Streamlit."""
