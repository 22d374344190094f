package client

import "testing"

// A refusal is final if it ends only when the request, the client's rights or the hosts are
// changed. Others end by themselves, or with a change of the membership; the client repeats
// a request within its call only if that may be soon.
func TestWhichRefusalsAreFinal(t *testing.T) {
	type verdict struct{ final, repeated bool }
	for reason, want := range map[string]verdict{
		"too_large": {final: true}, "empty": {final: true}, "invalid": {final: true}, "malformed": {final: true},
		"unauthenticated": {final: true}, "permission_denied": {final: true}, "unimplemented": {final: true},
		"wants_tls": {final: true}, "client_closed": {final: true},

		"change_refused": {}, "quorum_at_risk": {}, "unknown_member": {}, "unknown_plugin": {}, "plugin_refused": {},
		"query_failed": {}, "timeout": {}, "canceled": {},

		"change_pending": {repeated: true}, "no_leader": {repeated: true}, "not_ready": {repeated: true},
		"stopping": {repeated: true}, "too_many_requests": {repeated: true}, "no_space": {repeated: true},
	} {
		e := &Error{Outcome: NotApplied, Reason: reason}
		if got := (verdict{IsFinal(e), e.retryable()}); got != want {
			t.Errorf("%s: %+v, want %+v", reason, got, want)
		}
	}
}
