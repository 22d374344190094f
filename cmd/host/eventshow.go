package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
)

// mergeWithin is how long events of several members wait for older ones of the others while
// they are followed.
const mergeWithin = 250 * time.Millisecond

// eventLine is a line in the JSON of events: an event, or how many were lost.
type eventLine struct {
	Member   string         `json:"member"`
	Start    uint64         `json:"start"`
	Number   uint64         `json:"number,omitempty"`
	Time     string         `json:"time,omitempty"`
	Kind     string         `json:"kind,omitempty"`
	Severity string         `json:"severity,omitempty"`
	Sentence string         `json:"sentence,omitempty"`
	Fields   map[string]any `json:"fields,omitempty"`
	Times    uint64         `json:"times,omitempty"`
	Since    string         `json:"since,omitempty"`
	Lost     uint64         `json:"lost,omitempty"`
}

// An eventShow merges the events of members by time and shows them.
type eventShow struct {
	cmd  *cobra.Command
	json bool
	feed chan eventPart
	held []eventPart
}

// run asks the members and shows what they answer. It fails if none has answered.
func (s *eventShow) run(ctx context.Context, c *client.Client, endpoints []string, req *hostv1.EventsRequest) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i, endpoint := range endpoints {
		go s.follow(ctx, c, i, endpoint, req)
	}
	var failed []error
	timer := time.NewTicker(mergeWithin)
	defer timer.Stop()
	for open := len(endpoints); open > 0; {
		select {
		case p := <-s.feed:
			switch {
			case p.part == nil && p.again:
				report(s.cmd, fmt.Errorf("member %s is asked again and again: %w", p.member, p.err))
			case p.part == nil:
				open--
				if p.err != nil && ctx.Err() == nil {
					failed = append(failed, fmt.Errorf("member %s: %w", p.member, p.err))
					report(s.cmd, failed[len(failed)-1])
				}
			case p.part.GetHeader() == nil:
				s.held = append(s.held, p)
			}
		case <-timer.C:
			if !req.GetFollow() {
				continue
			}
			if err := s.flush(); err != nil {
				return err
			}
		case <-ctx.Done():
			return cmp.Or(s.flush(), context.Cause(ctx))
		}
	}
	if err := s.flush(); err != nil || len(failed) < len(endpoints) {
		return err
	}
	return errors.Join(failed...)
}

// flush shows what is held, by time; the order of each member stays.
func (s *eventShow) flush() error {
	at := make([]uint64, len(s.held)) // a count of lost events stands before the event that follows it
	next := map[int]uint64{}
	for i, p := range slices.Backward(s.held) {
		if e := p.part.GetEvent(); e != nil {
			next[p.from] = e.GetUnixMs()
		}
		at[i] = next[p.from]
	}
	order := make([]int, len(s.held))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(at[a], at[b]) })
	for _, i := range order {
		if err := s.show(s.held[i]); err != nil {
			return err
		}
	}
	s.held = nil
	return nil
}

func (s *eventShow) show(p eventPart) error {
	w, line := s.cmd.OutOrStdout(), lineOfEvent(p)
	if s.json {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(line)
	}
	_, err := fmt.Fprintln(w, printable(line.text(p.part.GetEvent().GetFields())))
	return err
}

func lineOfEvent(p eventPart) eventLine {
	line := eventLine{Member: p.member, Start: p.start, Lost: p.part.GetLost()}
	e := p.part.GetEvent()
	if e == nil {
		return line
	}
	line.Number, line.Time, line.Kind, line.Severity, line.Sentence = e.GetNumber(), eventTime(e.GetUnixMs()), e.GetKind(), e.GetSeverity(), e.GetSentence()
	line.Times, line.Since, line.Fields = e.GetTimes(), eventTime(e.GetSinceUnixMs()), map[string]any{}
	for _, f := range e.GetFields() {
		line.Fields[f.GetName()] = fieldValue(f)
	}
	return line
}

// text is a line for people.
func (l eventLine) text(fields []*hostv1.EventField) string {
	if l.Lost > 0 {
		return fmt.Sprintf("(%d events of member %s were overwritten before they could be shown)", l.Lost, l.Member)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %s: %s", l.Time, l.Member, l.Severity, l.Kind, l.Sentence)
	for _, f := range fields {
		fmt.Fprintf(&b, ", %s %v", f.GetName(), fieldValue(f))
	}
	if l.Times > 1 {
		fmt.Fprintf(&b, ", %d times since %s", l.Times, l.Since)
	}
	return b.String()
}

func fieldValue(f *hostv1.EventField) any {
	switch v := f.GetValue().(type) {
	case *hostv1.EventField_Number:
		return v.Number
	case *hostv1.EventField_Flag:
		return v.Flag
	}
	return f.GetText()
}

func eventTime(ms uint64) string {
	return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z")
}
