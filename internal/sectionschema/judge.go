package sectionschema

import (
	"fmt"
	"time"
)

// longestJudgement is how long a section may be judged: a schema can be written so that no
// judgement ends.
const longestJudgement = 5 * time.Second

// Judge reads a schema and returns what it does not allow of a section. A judgement that
// does not end in time goes on beside the caller, who is expected to end soon.
func Judge(schema, section []byte) ([]Fault, error) {
	type result struct {
		faults []Fault
		err    error
	}
	done := make(chan result, 1)
	go func() {
		s, err := read(schema)
		if err != nil {
			done <- result{err: err}
			return
		}
		faults, err := s.faults(section)
		done <- result{faults, err}
	}()
	select {
	case r := <-done:
		return r.faults, r.err
	case <-time.After(longestJudgement):
		return nil, fmt.Errorf("%w: no judgement by it within %v", ErrNoSchema, longestJudgement)
	}
}
