package replay

import (
	"fmt"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
)

// applied waits for the answer of the process to a batch, and compares the two.
func (c *call) applied(b *batch, recorded *pluginv1.ApplyResponse) error {
	got, err := c.gather(b, recorded)
	if err != nil {
		return err
	}
	if err := c.compareResults(b, recorded.Results, got.Results); err != nil {
		return err
	}
	for _, part := range []struct {
		what   string
		is, as any
	}{
		{"applied index", recorded.AppliedIndex, got.AppliedIndex},
		{"time of the next timer", recorded.Wake, got.Wake},
		{"hash of the state", fmt.Sprintf("%x", recorded.Hash), fmt.Sprintf("%x", got.Hash)},
		{"snapshot", recorded.Snapshot != 0, got.Snapshot != 0},
	} {
		if part.is != part.as {
			return c.batchDiffers(b, part.what, fmt.Sprint(part.is), fmt.Sprint(part.as))
		}
	}
	if recorded.Snapshot != 0 {
		c.life.snapshots[recorded.Snapshot] = got.Snapshot
	}
	text := fmt.Sprintf("call %d, %s, %s", c.number, shortMethod(c.name), b)
	if n := len(recorded.Results); n > 0 {
		text += fmt.Sprintf(": %s; the last one is %s", clipped(resultText(&recorded.Results[n-1])), briefly(b.apply.Entries[n-1].Data))
	}
	c.life.p.did(text)
	return nil
}

// gather receives an answer of one part or more. A plugin may part its answers otherwise than the one in
// the record.
func (c *call) gather(b *batch, recorded *pluginv1.ApplyResponse) (*pluginv1.ApplyResponse, error) {
	var results []pluginv1.ApplyResult
	then := fmt.Sprintf("%d results, applied index %d", len(recorded.Results), recorded.AppliedIndex)
	for {
		m, err := c.receive()
		if err != nil {
			return nil, c.batchDiffers(b, "answer", then, c.failed(err))
		}
		var res pluginv1.ApplyResponse
		if err := res.Unmarshal(m.bytes); err != nil {
			return nil, c.batchDiffers(b, "answer", then, "unreadable: "+err.Error())
		}
		if res.Seq != b.replayed {
			return nil, c.batchDiffers(b, "answer", then, fmt.Sprintf("the answer to batch %d, expected that to %d", res.Seq, b.replayed))
		}
		results = append(results, res.Results...)
		if len(results) > len(b.apply.Entries) || res.More && len(res.Results) == 0 {
			return nil, c.batchDiffers(b, "answer", then, fmt.Sprintf("%d results for %d entries", len(results), len(b.apply.Entries)))
		}
		if !res.More {
			res.Results = results
			return &res, nil
		}
	}
}

// compareResults finds the first entry with another result. Results that no caller waited for may be
// left out by either.
func (c *call) compareResults(b *batch, recorded, got []pluginv1.ApplyResult) error {
	entries := b.apply.Entries
	if len(recorded) != len(got) || len(got) != len(entries) {
		return c.batchDiffers(b, "number of results", fmt.Sprint(len(recorded)), fmt.Sprintf("%d for %d entries", len(got), len(entries)))
	}
	for i := range got {
		r, g := &recorded[i], &got[i]
		same := r.Skipped == g.Skipped && (b.apply.NoResults || r.Error == g.Error && r.LeftOut == g.LeftOut && string(r.Data) == string(g.Data))
		if same {
			continue
		}
		e := &entries[i]
		request := shown(e.Data)
		if e.Tick {
			request = "the time alone"
		}
		return c.life.p.differs(&Difference{
			Call: c.number, Method: shortMethod(c.name), Time: c.time, Batch: b.recorded, Entry: i + 1, Index: e.Index,
			What: "result", Request: request, Recorded: resultText(r), Replayed: resultText(g),
		})
	}
	return nil
}

// resultText is a result for people.
func resultText(r *pluginv1.ApplyResult) string {
	switch {
	case r.Skipped:
		return "skipped"
	case r.LeftOut:
		return "left out"
	case r.Error != "":
		return "refused: " + shown([]byte(r.Error))
	}
	return shown(r.Data)
}
