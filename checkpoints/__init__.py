"""What roadside cameras saw of registered cars, as plain values.

Side by side with `zones`; neither knows the other. No picture and no attribute of a person is ever part of a value.
"""
