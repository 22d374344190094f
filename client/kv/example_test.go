package kv_test

import (
	"context"
	"fmt"
	"log"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
)

// A command is proposed, a query is asked. This package makes the bytes of both and
// reads the bytes that come back.
func Example() {
	c, stop := connect() // client.New
	defer stop()
	ctx := context.Background()

	result, err := c.Propose(ctx, kv.EncodePut([]byte("greeting"), []byte("hello")))
	if err != nil {
		log.Fatal(err) // package client says what is known of the write
	}
	if result.Error != "" {
		log.Fatal(result.Error) // the state machine refused it
	}

	answer, err := c.Query(ctx, kv.EncodeGet([]byte("greeting")), client.Linearizable)
	if err != nil {
		log.Fatal(err)
	}
	page, err := kv.DecodePage(answer.Data)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range page.Entries {
		fmt.Printf("%s = %s\n", e.Key, e.Value)
	}
	// Output: greeting = hello
}

// Two writers of one key do not overwrite each other: a value is set only if the key
// is as it was read. 0 stands for a key that is not there.
func ExampleEncodeCompareAndSet() {
	c, stop := connect()
	defer stop()

	set := func(modRevision uint64, value string) kv.Result {
		result, err := c.Propose(context.Background(), kv.EncodeCompareAndSet([]byte("lock"), modRevision, []byte(value)))
		if err != nil {
			log.Fatal(err)
		}
		decoded, err := kv.DecodeResult(result.Data)
		if err != nil {
			log.Fatal(err)
		}
		return decoded
	}
	first := set(0, "held by a")
	second := set(0, "held by b")
	fmt.Println(first.Succeeded, second.Succeeded)
	fmt.Printf("found %s\n", second.Current.Value)

	third := set(second.Current.ModRevision, "held by b, after a")
	fmt.Println(third.Succeeded)
	// Output:
	// true false
	// found held by a
	// true
}

// All keys with a prefix are read page by page. Each page is of one revision; two pages
// may be of different ones.
func ExamplePage_Next() {
	c, stop := connect()
	defer stop()
	ctx := context.Background()
	for i := range 5 {
		if _, err := c.Propose(ctx, kv.EncodePut(fmt.Appendf(nil, "users/%d", i), nil)); err != nil {
			log.Fatal(err)
		}
	}

	prefix := []byte("users/")
	for next := prefix; next != nil; {
		answer, err := c.Query(ctx, kv.EncodeRange(kv.Range{Key: next, End: kv.PrefixEnd(prefix), Limit: 2}), client.Linearizable)
		if err != nil {
			log.Fatal(err)
		}
		page, err := kv.DecodePage(answer.Data)
		if err != nil {
			log.Fatal(err)
		}
		for _, e := range page.Entries {
			fmt.Printf("%s\n", e.Key)
		}
		fmt.Println("more:", page.More)
		next = page.Next()
	}
	// Output:
	// users/0
	// users/1
	// more: true
	// users/2
	// users/3
	// more: true
	// users/4
	// more: false
}

func ExamplePrefixEnd() {
	prefix := []byte("users/")
	fmt.Printf("[%s, %s)\n", prefix, kv.PrefixEnd(prefix))
	// Output: [users/, users0)
}
