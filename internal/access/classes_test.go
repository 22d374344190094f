package access_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pontoon-raft/pontoon/internal/access"
)

// The longest prefix that fits decides, of commands and of queries by themselves.
func TestTheLongestPrefixDecides(t *testing.T) {
	c := access.NewClasses()
	c.Adopt([]access.Class{
		{Prefix: "user/", Role: access.Administer},
		{Prefix: "user/name/", Role: access.Write},
		{Prefix: "user/name/root", Role: access.Administer},
		{Prefix: "\x00", Role: access.Administer},
		{Prefix: "\xff\xff", Role: access.Administer},
		{Prefix: "dump", Query: true, Role: access.Administer},
		{Prefix: "", Query: true, Role: access.Write},
		{Prefix: "count", Query: true, Role: access.Read},
	})
	const none = access.None
	for _, x := range []struct {
		data           string
		command, query access.Role
	}{
		{"", none, access.Write},
		{"user", none, access.Write},
		{"user/", access.Administer, access.Write},
		{"user/add", access.Administer, access.Write},
		{"user/name", access.Administer, access.Write},
		{"user/name/", access.Write, access.Write},
		{"user/name/app", access.Write, access.Write},
		{"user/name/root", access.Administer, access.Write},
		{"user/name/roots", access.Administer, access.Write},
		{"user/name/zoe", access.Write, access.Write},
		{"user0", none, access.Write},
		{"User/", none, access.Write},
		{"\x00\x01", access.Administer, access.Write},
		{"\xff", none, access.Write},
		{"\xff\xff\xff", access.Administer, access.Write},
		{"dump", none, access.Administer},
		{"dumb", none, access.Write},
		{"counter", none, access.Read},
	} {
		if class, known := c.OfCommand([]byte(x.data)); !known || roleOf(class) != x.command {
			t.Errorf("command %q: %+v, want %v", x.data, class, x.command)
		}
		if class, known := c.OfQuery([]byte(x.data)); !known || roleOf(class) != x.query {
			t.Errorf("query %q: %+v, want %v", x.data, class, x.query)
		}
	}
}

func roleOf(c *access.Class) access.Role {
	if c == nil {
		return access.None
	}
	return c.Role
}

// Any list finds what a look at each of its prefixes finds.
func TestClassesAreFoundAsOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few letters, so that prefixes of each other are the rule.
		word := rapid.StringOfN(rapid.RuneFrom([]rune("ab\x00")), 0, 6, -1)
		var list []access.Class
		for i, p := range rapid.SliceOfNDistinct(word, 0, 40, rapid.ID).Draw(t, "prefixes") {
			list = append(list, access.Class{Prefix: p, Role: access.Role(2 + i%2)})
		}
		c := access.NewClasses()
		c.Adopt(list)
		for _, data := range rapid.SliceOfN(word, 1, 50).Draw(t, "commands") {
			var want *access.Class
			for i := range list {
				if strings.HasPrefix(data, list[i].Prefix) && (want == nil || len(list[i].Prefix) > len(want.Prefix)) {
					want = &list[i]
				}
			}
			got, _ := c.OfCommand([]byte(data))
			if (got == nil) != (want == nil) || got != nil && *got != *want {
				t.Fatalf("%q: %+v, want %+v", data, got, want)
			}
		}
	})
}

// Before the first list nothing is known, which is not the same as no class; each list
// holds until the next.
func TestAListHoldsUntilTheNext(t *testing.T) {
	c := access.NewClasses()
	if _, known := c.OfCommand([]byte("x")); known {
		t.Error("a command has a class before there are any")
	}
	if _, known := c.OfQuery([]byte("x")); known {
		t.Error("a query has a class before there are any")
	}
	if c.Adopt(nil) {
		t.Error("to have no classes is a change")
	}
	if class, known := c.OfCommand([]byte("x")); !known || class != nil {
		t.Errorf("without classes: %+v, %v", class, known)
	}
	one := []access.Class{{Prefix: "x", Role: access.Administer}}
	if !c.Adopt(one) || c.Adopt(one) {
		t.Error("the same list is a change, or another one is none")
	}
	if class, _ := c.OfCommand([]byte("x")); class == nil {
		t.Error("the list is not used")
	}
	if !c.Adopt(nil) {
		t.Error("the end of the classes is no change")
	}
	if class, _ := c.OfCommand([]byte("x")); class != nil {
		t.Errorf("the list of before is used: %+v", class)
	}
}

// To find a class allocates nothing, with the largest list.
func TestToFindAClassAllocatesNothing(t *testing.T) {
	c, data := largestClasses()
	if n := testing.AllocsPerRun(100, func() { _, _ = c.OfCommand(data) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// largestClasses are 256 classes, 64 of which are prefixes of each other, and a command
// that passes all of these.
func largestClasses() (*access.Classes, []byte) {
	var list []access.Class
	for i := range 64 {
		list = append(list, access.Class{Prefix: strings.Repeat("a", i+1), Role: access.Administer})
	}
	for i := range 192 {
		list = append(list, access.Class{Prefix: fmt.Sprintf("b%063d", i), Role: access.Administer})
	}
	c := access.NewClasses()
	c.Adopt(list)
	return c, []byte("b")
}

func BenchmarkOfCommand(b *testing.B) {
	largest, data := largestClasses()
	one, none := access.NewClasses(), access.NewClasses()
	one.Adopt([]access.Class{{Prefix: "admin:", Role: access.Administer}})
	none.Adopt(nil)
	for _, x := range []struct {
		name string
		c    *access.Classes
	}{{"no class", none}, {"one class", one}, {"256 classes", largest}} {
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = x.c.OfCommand(data)
			}
		})
	}
}
