// Memory that programs run in. A program needs its arena only while it runs, so programs share: a run
// borrows a place, and a place keeps the largest memory that any run has asked it for. The lower
// and the upper step of a bilevel program lie one over the other, and runs at the same time have
// places of their own.
// Invariant: only the run that holds a place touches its memory; contents mean nothing between runs.

import BettyGraph
import CBettySupport
import Synchronization

enum Workspace {
  struct Place: ~Copyable {
    fileprivate let isLent = Atomic<Bool>(false)
    fileprivate let isShared: Bool
    fileprivate var block: Allocator.Block?
    /// Stays where it is while the place need not grow.
    private(set) var pointer: UnsafeMutableRawPointer
    private(set) var byteCount = 0

    fileprivate init(isShared: Bool) {
      self.isShared = isShared
      pointer = Workspace.nothing
    }

    fileprivate borrowing func take() -> Bool {
      isLent.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    }

    /// What it had goes back to the system first: the peak is that of the larger alone.
    fileprivate mutating func grow(to bytes: Int) throws(BettyError) {
      empty()
      let fresh = try Allocator.allocate(bytes)
      block = fresh
      pointer = fresh.pointer
      byteCount = Allocator.classBytes(fresh.sizeClass)
      Counters.add(Counters.arenaBytes, byteCount)
    }

    fileprivate mutating func empty() {
      guard let old = block else { return }
      Counters.add(Counters.arenaBytes, -byteCount)
      block = nil
      pointer = Workspace.nothing
      byteCount = 0
      Allocator.discard(old)
    }
  }

  /// More runs than this at the same time bring memory of their own.
  private static let count = 64
  nonisolated(unsafe) private static let nothing = UnsafeMutableRawPointer.allocate(
    byteCount: 64, alignment: 64)
  nonisolated(unsafe) private static let places: UnsafeMutablePointer<Place> = {
    let places = UnsafeMutablePointer<Place>.allocate(capacity: count)
    for index in 0..<count { (places + index).initialize(to: Place(isShared: true)) }
    return places
  }()

  /// A place of at least `bytes`, until it is given back. The first that is free, so that programs
  /// that run in turn find what the one before has left in the caches.
  static func lend(_ bytes: Int) throws(BettyError) -> UnsafeMutablePointer<Place> {
    let place = free()
    if place.pointee.byteCount >= bytes { return place }
    do {
      try place.pointee.grow(to: bytes)
    } catch {
      giveBack(place)
      throw error
    }
    return place
  }

  private static func free() -> UnsafeMutablePointer<Place> {
    for index in 0..<count where places[index].take() { return places + index }
    let own = UnsafeMutablePointer<Place>.allocate(capacity: 1)
    own.initialize(to: Place(isShared: false))
    return own
  }

  static func giveBack(_ place: UnsafeMutablePointer<Place>) {
    if place.pointee.isShared {
      place.pointee.isLent.store(false, ordering: .releasing)
      return
    }
    place.pointee.empty()
    place.deinitialize(count: 1)
    place.deallocate()
  }

  /// Gives the memory of places that nothing runs in back to the system.
  static func releaseIdle() {
    for index in 0..<count where places[index].take() {
      places[index].empty()
      giveBack(places + index)
    }
  }
}
