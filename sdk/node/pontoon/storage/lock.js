'use strict'

// The lock of the directory (ST-1). Node has no call for it: the program flock of util-linux,
// or that of BusyBox, takes it on a descriptor that it inherits. The lock belongs to the open
// file, so that it stays when that program has ended, and ends with this process.

const { spawnSync } = require('child_process')
const fs = require('fs')
const path = require('path')

const { Locked } = require('./errors')

const HELD = 1 // the exit code of flock if another process has the lock
const MAX_HOLDER = 1024

// take takes the lock, and returns the function that gives it up.
function take (directory, nodeName) {
  const at = path.join(directory, 'LOCK')
  const fd = fs.openSync(at, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600)
  try {
    flock(fd, at)
    const holder = `plugin pid ${process.pid} (host pid ${process.ppid}, node ${JSON.stringify(nodeName)}) since ${new Date().toISOString()}`
    fs.ftruncateSync(fd)
    fs.writeSync(fd, holder, 0)
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
  return () => fs.closeSync(fd)
}

function flock (fd, at) {
  const { status, error, stderr } = spawnSync('flock', ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'pipe', fd] })
  if (error) throw new Error(`the program flock, of util-linux, is needed for the lock of the directory: ${error.message}`)
  if (status === HELD) throw new Locked(at, holderOf(fd) || 'a process that has just started')
  if (status !== 0) throw new Error(`flock of ${at} ended with ${status}: ${stderr}`)
}

// holderOf is the text that the holder has written.
function holderOf (fd) {
  const text = Buffer.alloc(MAX_HOLDER)
  return text.toString('utf8', 0, fs.readSync(fd, text, 0, MAX_HOLDER, 0)).trim()
}

module.exports = { take }
