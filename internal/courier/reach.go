package courier

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// reach is which URLs a transport can dial. The zero value is that of one that
// has not described itself yet.
type reach struct {
	known bool
	// any: it is the only transport, and states no scheme. The schemes are then
	// what it advertises.
	any     bool
	schemes []string
}

// of returns the URLs that the transport can dial. One that takes any is given
// those like its own, if there are some: the others are for another transport.
func (r reach) of(urls []string) []string {
	var usable []string
	for _, u := range urls {
		if slices.Contains(r.schemes, transport.SchemeOf(u)) {
			usable = append(usable, u)
		}
	}
	if r.any && len(usable) == 0 {
		return urls
	}
	return usable
}

// reachOf works out a transport's reach from what it says of itself, and from
// what it is to advertise; alone tells that it is the only one.
func reachOf(info plugins.Info, advertise []string, alone bool) (reach, error) {
	stated := transport.Schemes(info)
	r := reach{known: true, schemes: stated, any: alone && len(stated) == 0}
	for _, u := range advertise {
		scheme := transport.SchemeOf(u)
		switch {
		case len(stated) > 0 && !slices.Contains(stated, scheme):
			return r, fmt.Errorf("%w: it cannot advertise %s: it serves URLs that begin with %s",
				plugins.ErrInvalidConfig, u, strings.Join(stated, ", "))
		case len(stated) == 0 && scheme != "" && !slices.Contains(r.schemes, scheme):
			r.schemes = append(r.schemes, scheme)
		}
	}
	if len(r.schemes) == 0 && !r.any {
		return r, fmt.Errorf("%w: it states no URL scheme and advertises none, so nobody knows which peers it can reach",
			plugins.ErrInvalidConfig)
	}
	return r, nil
}

// describe takes a transport's word of itself. Two that serve one scheme, or
// have one name, are refused: it could not be said which is meant.
func (c *Courier) describe(k *carrier, info plugins.Info) error {
	own, err := reachOf(info, k.Advertise, len(c.carriers) == 1)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, other := range c.carriers {
		if other == k || !other.reach.known {
			continue
		}
		if other.name == info.Name {
			return fmt.Errorf("%w: two transports are called %s", plugins.ErrInvalidConfig, info.Name)
		}
		for _, scheme := range own.schemes {
			if slices.Contains(other.reach.schemes, scheme) {
				return fmt.Errorf("%w: the transports %s and %s both serve %s URLs; two transports must differ in that",
					plugins.ErrInvalidConfig, other.name, info.Name, scheme)
			}
		}
	}
	k.name, k.reach = info.Name, own
	c.reroute()
	return nil
}
