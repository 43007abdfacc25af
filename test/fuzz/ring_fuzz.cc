// The command ring, which JavaScript writes and a bug there may fill with anything, on a kernel in memory whose hostility the
// input chooses, too. The core neither crashes, nor touches memory outside of the contract's, nor loops for ever, and gives every
// descriptor back. Sanitizers look for the first two, libFuzzer's -timeout for the third.
#include <string>

#include "contract_memory.h"
#include "fault_kernel.h"
#include "input.h"
#include "memory.h"
#include "reactor.h"

using netmux::CommandKind;
using netmux::Control;
using netmux_fuzz::Input;
using netmux_fuzz::must;
using netmux_test::FaultKernel;

namespace {

constexpr uint32_t kHandles = 32;
constexpr int kPeers = 6;
constexpr int kMostSteps = 64;
constexpr int kMostCommands = 48;
constexpr int32_t kReferenceBytes = 20'000;

// Node's part, played by the input: what callbacks do is the next of its commands.
class Stage : public netmux::Host {
 public:
  Stage(FaultKernel& kernel, Input& input)
      : input_(input), memory(arrays_.shared()), reactor(memory, *this, kernel.table(), netmux::heap()) {
    must(reactor.open() == 0, "the reactor opens");
  }

  bool deliver(int32_t count) override {
    must(count > 0 && count <= netmux::kRecordCapacity, "a batch has as many records as there is room for");
    for (int32_t i = 0; i < count; i++) {
      const auto slot = static_cast<uint32_t>(memory.records[i * netmux::kWords]) >> 8;
      must(slot < kHandles, "a record is about a slot that there is");
    }
    if (input_.take<uint8_t>() % 4 == 0) fill_ring();
    return true;
  }
  void set_timer(int64_t due_ms) override { timer = due_ms; }
  void set_lingering(bool) override {}
  // Every third reference is one that nobody knows.
  bool resolve(uint32_t reference, const uint8_t** bytes, size_t* length) override {
    if (reference % 3 == 0) return false;
    *bytes = reinterpret_cast<const uint8_t*>(buffer_.data());
    *length = buffer_.size();
    return true;
  }
  void release(uint32_t) override {}

  void fill_ring() {
    const int32_t count = input_.take<uint8_t>() % kMostCommands;
    for (int32_t i = 0; i < count; i++) {
      int32_t* words = memory.commands + i * netmux::kWords;
      const auto shape = input_.take<uint8_t>();
      const uint32_t slot = shape & 0x80 ? input_.take<uint32_t>() & 0xffffff : input_.take<uint8_t>() % kHandles;
      words[0] = static_cast<int32_t>((shape & 0x0f) | slot << 8);
      words[1] = shape & 0x40 || slot >= kHandles ? input_.take<int32_t>() : memory.generation[slot];
      words[2] = shape & 0x20 ? input_.take<int32_t>() : input_.take<uint16_t>();
      words[3] = shape & 0x10 ? input_.take<int32_t>() : input_.take<uint16_t>();
    }
    const auto shape = input_.take<uint8_t>();
    memory.control[Control::CommandCount] = shape % 32 == 0 ? input_.take<int32_t>() : count;
    memory.control[Control::OutputUsed] = input_.take<int32_t>();
    const uint32_t slot = shape % kHandles;
    memory.deadline[slot] = input_.take<int16_t>();
    memory.unsent[slot] = input_.take<int32_t>();
    memory.interest[slot] = input_.take<uint8_t>();
  }

 private:
  Input& input_;
  netmux_test::ContractMemory arrays_{kHandles};
  std::string buffer_ = std::string(kReferenceBytes, 'r');

 public:
  const netmux::SharedMemory memory;
  int64_t timer = kNever;
  netmux::Reactor reactor;
};

void choose_faults(FaultKernel& kernel, Input& input) {
  kernel.faults.interrupted = input.take<uint8_t>();
  kernel.faults.would_block = input.take<uint8_t>();
  kernel.faults.most_bytes = input.take<uint8_t>() % 8;
  kernel.faults.accept_fails = input.take<uint8_t>();
  kernel.faults.breaks = input.take<uint8_t>();
  kernel.faults.late = input.take<uint8_t>();
  kernel.faults.spurious = input.take<uint8_t>();
  kernel.faults.doubled = input.take<uint8_t>();
  kernel.faults.shuffled = input.take<uint8_t>() % 2 == 1;
}

void listen_for_peers(Stage& stage, Input& input) {
  uint8_t block[netmux::kAddressBytes] = {};
  block[0] = netmux::AddressFamily::IPv4;
  block[8] = 127;
  block[11] = 1;
  // As large as the contract allows, or next to nothing: at least one byte.
  const uint32_t read_size = 1 + input.take<uint16_t>() % 65536;
  const int64_t listener = stage.reactor.listen(block, sizeof block, 16, 0, read_size, -1);
  if (listener < 0) return;
  const auto slot = static_cast<uint32_t>(listener);
  stage.memory.commands[0] = static_cast<int32_t>(static_cast<uint32_t>(CommandKind::Start) | slot << 8);
  stage.memory.commands[1] = stage.memory.generation[slot];
  stage.memory.control[Control::CommandCount] = 1;
  stage.reactor.flush();
}

void step(Stage& stage, FaultKernel& kernel, Input& input, FaultKernel::Id* peers) {
  const auto choice = input.take<uint8_t>();
  FaultKernel::Id& peer = peers[choice / 16 % kPeers];
  switch (choice % 8) {
    case 0:
      if (peer == FaultKernel::kNobody) peer = kernel.dial();
      break;
    case 1:
      if (peer != FaultKernel::kNobody) kernel.put(peer, "something to read");
      break;
    case 2:
      if (peer != FaultKernel::kNobody) kernel.get(peer);
      break;
    case 3:
      if (peer != FaultKernel::kNobody) kernel.finish(peer);
      break;
    case 4:
      if (peer != FaultKernel::kNobody) kernel.reset(peer);
      peer = FaultKernel::kNobody;
      break;
    case 5:
      stage.fill_ring();
      stage.reactor.flush();
      break;
    case 6:
      stage.fill_ring();
      stage.reactor.drain();
      break;
    default:
      kernel.now_ns += int64_t{input.take<uint16_t>()} * 1'000'000;
  }
  if (stage.timer <= (kernel.now_ns - stage.reactor.origin_ns()) / 1'000'000) {
    stage.timer = netmux::Host::kNever;
    stage.reactor.timer_due();
  }
  stage.reactor.turn();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t length) {
  Input input(bytes, length);
  FaultKernel kernel(input.take<uint64_t>());
  {
    Stage stage(kernel, input);
    listen_for_peers(stage, input);
    choose_faults(kernel, input);
    FaultKernel::Id peers[kPeers] = {};
    for (int i = 0; i < kMostSteps && !input.empty(); i++) step(stage, kernel, input, peers);
  }
  must(netmux_test::state().failures == 0, "nothing is written behind the contract's memory");
  must(kernel.open_descriptors() == 0, "every descriptor is given back");
  return 0;
}
