"""The use cases, one per file, and the ports they need.

A use case is a short script that gets something, checks it, changes it and saves it. It only uses
storage, the broker, the clock and all other technology through ports (`application.ports`). This
package may only import the domain and the standard library.
"""
