"""Rules, the engine that asks them, findings, and the evidence under each finding.

A rule sees and says what it saw; only the engine accuses, with the parameters as they stood on the service day. There
are three answers: a finding, nothing, or not assessable and why.
"""
