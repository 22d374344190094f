package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/url"

	"go.etcd.io/etcd/server/v3/embed"
)

// etcdNodeMode as first argument makes this program one etcd node.
const etcdNodeMode = "etcd-node"

// runEtcdNode serves one etcd node until lifeline ends or ctx is done. All that is not named here is etcd's default,
// among it fsync of each write, a heartbeat of 100 ms and an election timeout of 1000 ms.
//
// The node isn't closed at the end: its data is thrown away, and the last of three nodes that close at the
// same time spends seconds on handing its leadership to one that is gone.
func runEtcdNode(ctx context.Context, args []string, lifeline io.Reader) error {
	config, err := etcdNodeConfig(args)
	if err != nil {
		return err
	}
	node, err := embed.StartEtcd(config)
	if err != nil {
		return fmt.Errorf("start etcd: %w", err)
	}
	parentGone := make(chan struct{})
	go func() {
		// Nothing is ever written to a lifeline; how it ends makes no difference.
		_, _ = io.Copy(io.Discard, lifeline)
		close(parentGone)
	}()
	select {
	case <-ctx.Done():
		return nil
	case <-parentGone:
		return nil
	case err := <-node.Err():
		return fmt.Errorf("etcd ended: %w", err)
	}
}

// etcdNodeConfig reads the arguments that the load process gives to a node.
func etcdNodeConfig(args []string) (*embed.Config, error) {
	config := embed.NewConfig()
	config.LogLevel = "error"
	var clientURL, peerURL string
	f := flag.NewFlagSet(etcdNodeMode, flag.ContinueOnError)
	f.StringVar(&config.Name, "name", "", "name of the node")
	f.StringVar(&config.Dir, "data-dir", "", "directory of its data")
	f.StringVar(&clientURL, "client-url", "", "URL for clients")
	f.StringVar(&peerURL, "peer-url", "", "URL for peers")
	f.StringVar(&config.InitialCluster, "initial-cluster", "", "comma list of name=peer-url of all nodes")
	if err := f.Parse(args); err != nil {
		return nil, &usageError{err.Error()}
	}
	client, err := url.Parse(clientURL)
	if err != nil {
		return nil, &usageError{fmt.Sprintf("-client-url: %v", err)}
	}
	peer, err := url.Parse(peerURL)
	if err != nil {
		return nil, &usageError{fmt.Sprintf("-peer-url: %v", err)}
	}
	config.ListenClientUrls = []url.URL{*client}
	config.AdvertiseClientUrls = []url.URL{*client}
	config.ListenPeerUrls = []url.URL{*peer}
	config.AdvertisePeerUrls = []url.URL{*peer}
	return config, nil
}
