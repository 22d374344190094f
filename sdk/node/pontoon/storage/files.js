'use strict'

// Files whose names are durable.

const fs = require('fs/promises')
const path = require('path')

// syncDirectory makes the names in a directory durable.
async function syncDirectory (directory) {
  const handle = await fs.open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

// writeAll writes buffers one after the other from a place on. A disk that is nearly full takes a
// part of them without an error, so what is left is written again, until there is one.
async function writeAll (handle, buffers, at) {
  let left = buffers.filter(b => b.length > 0)
  while (left.length > 0) {
    let { bytesWritten: n } = await handle.writev(left, at)
    if (n === 0) throw Object.assign(new Error('the disk takes nothing more'), { code: 'ENOSPC' })
    at += n
    while (left.length > 0 && n >= left[0].length) n -= left.shift().length
    if (n > 0) left = [left[0].subarray(n), ...left.slice(1)]
  }
}

// putInPlace gives a file that was synced its name, durably, in the place of another one.
async function putInPlace (from, to) {
  await fs.rename(from, to)
  await syncDirectory(path.dirname(to))
}

// replaceFile makes a file with these bytes, durably: after a crash there is the one before,
// or this one.
async function replaceFile (to, bytes) {
  const handle = await fs.open(`${to}.tmp`, 'w', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await putInPlace(`${to}.tmp`, to)
}

// readOrNothing is the content of a file, or nothing where there is none.
async function readOrNothing (file) {
  try {
    return await fs.readFile(file)
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

module.exports = { putInPlace, readOrNothing, replaceFile, syncDirectory, writeAll }
