"""Parts of pages that hold Streamlit widgets."""
