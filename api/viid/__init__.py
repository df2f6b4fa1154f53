"""GA/T 1400: a video and image platform registers with us, keeps alive, and pushes what passed its tollgates.

We ask for nothing and send nothing: whoever runs the platform subscribes us there. What is pushed is decided on in
memory (`runs.push_door`, docs/decisions/0018-pushed-passages.md); a payload is never written, logged or quoted.
"""
