"""The classroom around the lesson: what measures, shows and asks. It looks only downstairs: try →
see → measure → `nmt`.
"""
