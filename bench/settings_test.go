package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSettingsRefuseWhatMeasuresNothing(t *testing.T) {
	cases := []struct {
		args []string
		want string
	}{
		{[]string{"-systems", "etcd,zookeeper"}, `unknown system "zookeeper"`},
		{[]string{"-clients", "1,0"}, `"0" is not a positive number`},
		{[]string{"-clients", "many"}, `"many" is not a positive number`},
		{[]string{"-duration", "0s"}, "-duration 0s: must be positive"},
		{[]string{"-warmup", "-1s"}, "-warmup -1s: must not be negative"},
		{[]string{"-writes", "-1"}, "-writes -1: must not be negative"},
		{[]string{"-rounds", "0"}, "-rounds 0: must be at least 1"},
		{[]string{"-size", "-1"}, "-size -1: must not be negative"},
		{[]string{"-pontoon-through", "voters"}, `-pontoon-through "voters": use leader, followers or members`},
		{[]string{"-o", "yaml"}, `-o "yaml": must be table or json`},
		{[]string{"etcd"}, `unexpected argument "etcd"`},
		{[]string{"-nodes", "5"}, "-nodes"},
	}
	for _, c := range cases {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			var stderr bytes.Buffer
			if code := run(context.Background(), c.args, strings.NewReader(""), io.Discard, &stderr); code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			if !strings.Contains(stderr.String(), c.want) {
				t.Errorf("stderr %q does not say %q", stderr.String(), c.want)
			}
		})
	}
}

func TestSettingsReadLists(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, err := parseSettings([]string{"-data-dir", dir, "-systems", "hashicorp, etcd,etcd", "-clients", "8, 1"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{nameHashicorp, nameEtcd}; !slices.Equal(s.systems, want) {
		t.Errorf("systems = %v, want %v", s.systems, want)
	}
	if want := []int{8, 1}; !slices.Equal(s.clients, want) {
		t.Errorf("clients = %v, want %v", s.clients, want)
	}
}

func TestHelpIsNotAnError(t *testing.T) {
	var stderr bytes.Buffer
	if code := run(context.Background(), []string{"-help"}, strings.NewReader(""), io.Discard, &stderr); code != exitOK {
		t.Errorf("exit code %d, want %d", code, exitOK)
	}
	if !strings.Contains(stderr.String(), "-rounds") {
		t.Errorf("help does not name the flags: %q", stderr.String())
	}
}
