//go:build linux

package linearizability

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

const (
	keysAtATime = 8
	// operationsPerKey bounds the search for an order.
	operationsPerKey = 400
)

// keys are those that clients use: a few at a time, so that clients meet, each of
// them for so long, so that it can be judged.
type keys struct {
	mu      sync.Mutex
	all     []string
	current []int // places in all
	uses    []int // of each of current
	latest  map[string]history.Version
}

func newKeys() *keys {
	k := &keys{latest: map[string]history.Version{}}
	for range keysAtATime {
		k.current = append(k.current, k.add())
		k.uses = append(k.uses, 0)
	}
	return k
}

func (k *keys) add() int {
	k.all = append(k.all, fmt.Sprintf("key-%05d", len(k.all)))
	return len(k.all) - 1
}

// pick is one of the keys that are in use.
func (k *keys) pick(random *rand.Rand) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := random.IntN(keysAtATime)
	if k.uses[i] >= operationsPerKey {
		k.current[i], k.uses[i] = k.add(), 0
	}
	k.uses[i]++
	return k.all[k.current[i]]
}

// old is one of all keys that ever were.
func (k *keys) old(random *rand.Rand) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.all[random.IntN(len(k.all))]
}

// saw notes what is under a key.
func (k *keys) saw(key string, v history.Version) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if v.Revision > k.latest[key].Revision {
		k.latest[key] = v
	}
}

// expected is what is probably under a key.
func (k *keys) expected(key string) history.Version {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.latest[key]
}

// list is all keys that ever were.
func (k *keys) list() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.all...)
}
