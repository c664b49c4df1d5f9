"""How sandwatch works: everything here runs without Airflow."""
