"""E-mail addresses, passwords, access tokens and page cursors.

They are implemented with email-validator, argon2-cffi, PyJWT and HMAC-SHA256. This package may only
import the application, the domain, argon2, email_validator, jwt and the standard library.
"""
