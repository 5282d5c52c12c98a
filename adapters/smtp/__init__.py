"""Send mail over SMTP.

This package may only import the application, the domain and aiosmtplib.
"""
