"""Transfers of files: GridFTP and Globus, HPSS's FTP, HSI and HTAR logs, and HPSS's daily report."""
