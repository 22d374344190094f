package vfs_test

import (
	"fmt"
	"syscall"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// A power cut takes what was not synced. A file that was put in place by Replace is
// there as a whole.
func ExampleMem_Crash() {
	disk := vfs.NewMem()
	if err := vfs.Replace(disk, "vote", "vote.tmp", []byte("for 3 in term 7")); err != nil {
		fmt.Println(err)
		return
	}
	f, err := disk.Create("log")
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := f.WriteAt([]byte("an entry"), 0); err != nil {
		fmt.Println(err)
		return
	}

	names, err := disk.Crash(vfs.KeepAll).List(".")
	fmt.Println("the process was killed:", names, err)
	names, err = disk.Crash(vfs.KeepNothing).List(".")
	fmt.Println("the power was cut:", names, err)
	// Output:
	// the process was killed: [log vote] <nil>
	// the power was cut: [vote] <nil>
}

// A store must survive the failure of each call. This one meets a full disk.
func ExampleMem_FailNth() {
	disk := vfs.NewMem()
	disk.FailNth(vfs.OpWrite, 1, syscall.ENOSPC)
	err := vfs.Replace(disk, "vote", "vote.tmp", []byte("for 3 in term 7"))
	fmt.Println(vfs.IsFull(err), err)
	// Output: true write vote.tmp: no space left on device
}
