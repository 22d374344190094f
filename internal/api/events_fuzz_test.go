package api

import (
	"encoding/base64"
	"errors"
	"testing"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// FuzzEventsQuery: a URL's query of whatever bytes is a request, which is the same when it is
// written down again, or is refused as malformed.
func FuzzEventsQuery(f *testing.F) {
	for _, raw := range []string{
		"", "data=GgIYAQ==", "data=GgIYAQ&consistency=stale&lasting=true", "data=Pz8_&data=Pz8%2F", "data=Pz8+Pg", "consistency=UNSPECIFIED", "a;b", "%zz", "data=%ff",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		req, err := queryOf(raw)
		if err != nil {
			if !errors.Is(err, errMalformed) {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		again := "data=" + base64.RawURLEncoding.EncodeToString(req.GetData())
		other, err := queryOf(again)
		if err != nil || string(other.GetData()) != string(req.GetData()) {
			t.Fatalf("%q is %v, and again as %q: %v, %v", raw, req, again, other, err)
		}
		if _, ok := hostv1.Consistency_name[int32(req.GetConsistency())]; !ok {
			t.Fatalf("%q has consistency %v", raw, req.GetConsistency())
		}
	})
}
