"""Who somebody is: passwords by argon2-cffi, access tokens by PyJWT, and cursors nobody can forge.

May import the application, the domain, argon2, jwt and the standard library.
"""
