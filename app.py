"""Streamlit's entry: `streamlit run app.py` opens the dashboard."""

from __future__ import annotations

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.scriptrunner import get_script_run_ctx

from attune.dashboard.first_paint import FirstPaint, lifespan
from attune.dashboard.main import main

# The server imports this file for its application, which runs it again for each drawing of a page.
app = st.App(__file__, middleware=[Middleware(FirstPaint)], lifespan=lifespan)

if get_script_run_ctx(suppress_warning=True) is not None:
    main()
