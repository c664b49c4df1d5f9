"""Airflow as child processes on the loopback: started, watched and stopped."""
