// Where the time of programs goes, for developers: with BETTY_TIMES=1 in the environment every step of
// every program is timed, and at the end of the process a table of what took longest is written to the
// standard error. Steps are named by their operations and the elements of what they read and make;
// time is that of the processor, so that other processes do not count, and is exact on one thread.
// Invariant: without the variable nothing is measured, and a run asks once.

import CBettySupport
import Glibc
import Synchronization

enum StepTimes {
  static let isOn: Bool = {
    guard getenv("BETTY_TIMES") != nil else { return false }
    atexit { StepTimes.report() }
    return true
  }()

  private struct Row {
    var seconds = 0.0
    var count = 0
  }

  private static let rows = Mutex<[String: Row]>([:])
  private static let longest = 60

  static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  static func add(_ name: String, since start: Double) {
    let seconds = now() - start
    rows.withLock {
      $0[name, default: Row()].seconds += seconds
      $0[name, default: Row()].count += 1
    }
  }

  private static func report() {
    let sorted = rows.withLock { $0.sorted { $0.value.seconds > $1.value.seconds } }
    let total = sorted.reduce(0) { $0 + $1.value.seconds }
    func padded(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(width - text.count, 0)) + text
    }
    func number(_ value: Double) -> String { String((value * 100).rounded() / 100) }
    var text = "  total ms    runs  us a run  share %  step\n"
    for (name, row) in sorted.prefix(longest) {
      text += padded(number(row.seconds * 1e3), 10) + padded(String(row.count), 8)
      text += padded(number(row.seconds * 1e6 / Double(row.count)), 10)
      text += padded(number(100 * row.seconds / total), 9) + "  " + name + "\n"
    }
    text += padded(number(total * 1e3), 10) + "  all\n"
    _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
  }
}
