// The Node-API surface and nothing else: one reactor per environment (the main thread or a worker), made by open().
// src/native/addon.ts describes each function. Numbers below zero are −errno; wrong arguments throw a TypeError.
#include <errno.h>
#include <napi.h>
#include <sys/resource.h>

#include <new>
#include <string>
#include <vector>

#include "contract.h"
#include "environment.h"
#include "process_calls.h"
#include "reactor.h"
#include "socket_ops.h"

namespace netmux {

namespace {

// Slots are reserved for as many descriptors as the process may have, up to this many unless the caller wants more.
constexpr uint32_t kDefaultMaxHandles = 1u << 20;

// What the functions of one instance of the module share. The environment outlives it: see on_cleanup.
struct Module {
  Environment* environment = nullptr;
};

bool is_array_of(const Napi::Value& value, napi_typedarray_type type) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
}

// Checks the arguments against a letter each: n number, b boolean, u Uint8Array, i Int32Array, d Float64Array, f function,
// o object, s string, a array.
bool fits(const Napi::CallbackInfo& info, const char* letters) {
  for (size_t index = 0; letters[index] != '\0'; index += 1) {
    const Napi::Value value = info[index];
    const char letter = letters[index];
    const bool right = (letter == 'n' && value.IsNumber()) || (letter == 'b' && value.IsBoolean()) ||
                       (letter == 'u' && is_array_of(value, napi_uint8_array)) ||
                       (letter == 'i' && is_array_of(value, napi_int32_array)) ||
                       (letter == 'd' && is_array_of(value, napi_float64_array)) ||
                       (letter == 'f' && value.IsFunction()) || (letter == 'o' && value.IsObject()) ||
                       (letter == 's' && value.IsString()) || (letter == 'a' && value.IsArray());
    if (right) continue;
    // One digit: no call has ten arguments.
    const char number = static_cast<char>('1' + index);
    Napi::TypeError::New(info.Env(), std::string("argument ") + number + " is of the wrong type")
        .ThrowAsJavaScriptException();
    return false;
  }
  return true;
}

// The environment of a call that needs an open reactor; null after throwing.
Environment* opened(const Napi::CallbackInfo& info) {
  auto* module = static_cast<Module*>(info.Data());
  if (module->environment != nullptr && module->environment->is_open()) return module->environment;
  Napi::Error::New(info.Env(), "the reactor is not open").ThrowAsJavaScriptException();
  return nullptr;
}

int32_t integer(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }

uint32_t natural(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

Napi::Value number(const Napi::CallbackInfo& info, int64_t value) {
  return Napi::Number::New(info.Env(), static_cast<double>(value));
}

uint32_t max_handles() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max == RLIM_INFINITY || limit.rlim_max > kDefaultMaxHandles)
    return kDefaultMaxHandles;
  return static_cast<uint32_t>(limit.rlim_max);
}

Napi::Value MaxHandles(const Napi::CallbackInfo& info) { return number(info, max_handles()); }

// The memory of one typed array of the shared memory; null where it is missing, of another type or too short.
void* array_of(const Napi::Object& memory, const char* name, napi_typedarray_type type, size_t elements,
               napi_value* owner) {
  const Napi::Value value = memory.Get(name);
  if (!value.IsTypedArray()) return nullptr;
  napi_typedarray_type found;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(memory.Env(), value, &found, &length, &data, nullptr, nullptr) != napi_ok)
    return nullptr;
  *owner = value;
  return found == type && length >= elements ? data : nullptr;
}

Napi::Value Open(const Napi::CallbackInfo& info) {
  if (!fits(info, "of")) return {};
  auto* module = static_cast<Module*>(info.Data());
  if (module->environment != nullptr) {
    Napi::Error::New(info.Env(), "the reactor of this environment is open already").ThrowAsJavaScriptException();
    return {};
  }
  const auto object = info[0].As<Napi::Object>();
  SharedMemory memory;
  memory.max_handles = natural(object.Get("maxHandles"));
  const size_t slots = memory.max_handles;
  constexpr size_t kArrays = 13;
  napi_value owners[kArrays] = {};
  memory.control = static_cast<int32_t*>(array_of(object, "control", napi_int32_array, kControlWords, &owners[0]));
  memory.clock = static_cast<double*>(array_of(object, "clock", napi_float64_array, 1, &owners[1]));
  memory.records =
      static_cast<int32_t*>(array_of(object, "records", napi_int32_array, kRecordCapacity * kWords, &owners[2]));
  memory.commands =
      static_cast<int32_t*>(array_of(object, "commands", napi_int32_array, kCommandCapacity * kWords, &owners[3]));
  memory.read_slab = static_cast<uint8_t*>(array_of(object, "readSlab", napi_uint8_array, kReadSlabBytes, &owners[4]));
  memory.output_slab =
      static_cast<uint8_t*>(array_of(object, "outputSlab", napi_uint8_array, kOutputSlabBytes, &owners[5]));
  memory.generation = static_cast<int32_t*>(array_of(object, "generation", napi_int32_array, slots, &owners[6]));
  memory.unsent = static_cast<int32_t*>(array_of(object, "unsent", napi_int32_array, slots, &owners[7]));
  memory.deadline = static_cast<int32_t*>(array_of(object, "deadline", napi_int32_array, slots, &owners[8]));
  memory.wheel_due = static_cast<int32_t*>(array_of(object, "wheelDue", napi_int32_array, slots, &owners[9]));
  memory.interest = static_cast<uint8_t*>(array_of(object, "interest", napi_uint8_array, slots, &owners[10]));
  memory.traffic = static_cast<double*>(array_of(object, "traffic", napi_float64_array, 2 * slots, &owners[11]));
  memory.counters = static_cast<double*>(array_of(object, "counters", napi_float64_array, kCounters, &owners[12]));
  const bool whole = memory.control && memory.clock && memory.records && memory.commands && memory.read_slab &&
                     memory.output_slab && memory.generation && memory.unsent && memory.deadline && memory.wheel_due &&
                     memory.interest && memory.traffic && memory.counters;
  if (!whole || slots == 0 || slots > kMaxHandlesLimit) {
    Napi::TypeError::New(info.Env(), "the shared memory does not fit the contract").ThrowAsJavaScriptException();
    return {};
  }
  auto* environment = new (std::nothrow) Environment(info.Env());
  if (environment == nullptr) return number(info, -ENOMEM);
  const int error = environment->open(memory, info[1], owners, kArrays);
  if (error == 0) {
    module->environment = environment;
  } else {
    environment->abandon();
  }
  return number(info, error);
}

// Milliseconds since the origin of the wheel's clock.
Napi::Value Now(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr) return {};
  return Napi::Number::New(
      info.Env(), static_cast<double>(system_calls().monotonic_ns() - environment->reactor().origin_ns()) / 1e6);
}

Napi::Value Listen(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr || !fits(info, "unnnni")) return {};
  const auto block = info[0].As<Napi::Uint8Array>();
  const auto tuning = info[5].As<Napi::Int32Array>();
  if (tuning.ElementLength() < kTuningWords) return number(info, -EINVAL);
  return number(info,
                environment->reactor().listen(block.Data(), block.ByteLength(), integer(info[1]), natural(info[2]),
                                              natural(info[3]), integer(info[4]), tuning_of(tuning.Data())));
}

Napi::Value Connect(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr || !fits(info, "unni")) return {};
  const auto block = info[0].As<Napi::Uint8Array>();
  const auto tuning = info[3].As<Napi::Int32Array>();
  if (tuning.ElementLength() < kTuningWords) return number(info, -EINVAL);
  return number(info, environment->reactor().connect(block.Data(), block.ByteLength(), natural(info[1]),
                                                     natural(info[2]), tuning_of(tuning.Data())));
}

Napi::Value Limit(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr || !fits(info, "ndu")) return {};
  const auto words = info[1].As<Napi::Float64Array>();
  const auto exempt = info[2].As<Napi::Uint8Array>();
  if (words.ElementLength() < kLimitWords) return number(info, -EINVAL);
  return number(info, environment->reactor().limit(natural(info[0]),
                                                   limits_of(words.Data(), exempt.Data(), exempt.ByteLength())));
}

Napi::Value Refused(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr || !fits(info, "nd")) return {};
  auto counts = info[1].As<Napi::Float64Array>();
  const int64_t* refused = environment->reactor().refused(natural(info[0]));
  for (size_t i = 0; i < kRefusals && i < counts.ElementLength(); i += 1)
    counts[i] = refused == nullptr ? 0 : static_cast<double>(refused[i]);
  return info.Env().Undefined();
}

Napi::Value Adopt(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr || !fits(info, "nn")) return {};
  HandleKind kind = HandleKind::Stream;
  const int64_t slot = environment->reactor().adopt(integer(info[0]), natural(info[1]), &kind);
  return number(info, slot < 0 ? slot : static_cast<int64_t>(kind) * kMaxHandlesLimit + slot);
}

Napi::Value Tune(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr || !fits(info, "nni")) return {};
  const auto tuning = info[2].As<Napi::Int32Array>();
  if (tuning.ElementLength() < kTuningWords) return number(info, -EINVAL);
  return number(info, environment->reactor().tune(natural(info[0]), natural(info[1]), tuning_of(tuning.Data())));
}

Napi::Value Release(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr || !fits(info, "n")) return {};
  return number(info, environment->reactor().release(natural(info[0])));
}

Napi::Value Address(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr || !fits(info, "nbu")) return {};
  auto block = info[2].As<Napi::Uint8Array>();
  if (block.ByteLength() < kAddressRoom) return number(info, -EINVAL);
  return number(info, environment->reactor().address(natural(info[0]), info[1].As<Napi::Boolean>(), block.Data()));
}

Napi::Value Descriptor(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr || !fits(info, "n")) return {};
  return number(info, environment->reactor().fd_of(natural(info[0])));
}

Napi::Value Lingering(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  return environment == nullptr ? Napi::Value() : number(info, environment->reactor().lingering());
}

Napi::Value UnsentOutput(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr || !fits(info, "n")) return {};
  const Outbox* outbox = environment->reactor().outbox_of(natural(info[0]));
  auto copy = Napi::Buffer<uint8_t>::New(info.Env(), outbox == nullptr ? 0 : outbox->size());
  if (copy.IsEmpty()) return {};  // too large for a Buffer: that has thrown
  if (outbox != nullptr && !outbox->copy_to(copy.Data())) return number(info, -EFAULT);
  return copy;
}

Napi::Value Reference(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr || !fits(info, "u")) return {};
  return number(info, environment->references().add(info.Env(), info[0]));
}

Napi::Value Referenced(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr || !fits(info, "n")) return {};
  napi_value buffer = environment->references().get(info.Env(), natural(info[0]));
  return buffer == nullptr ? info.Env().Undefined() : Napi::Value(info.Env(), buffer);
}

Napi::Value SetReferenced(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment == nullptr || !fits(info, "b")) return {};
  environment->set_js_referenced(info[0].As<Napi::Boolean>());
  return info.Env().Undefined();
}

Napi::Value Drain(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment != nullptr) environment->reactor().drain();
  return info.Env().Undefined();
}

Napi::Value Flush(const Napi::CallbackInfo& info) {
  Environment* environment = opened(info);
  if (environment != nullptr) environment->reactor().flush();
  return info.Env().Undefined();
}

std::string text(const Napi::Value& value) { return value.As<Napi::String>(); }

// The calls of process_calls.h need no reactor.
Napi::Value ChangeRoot(const Napi::CallbackInfo& info) {
  if (!fits(info, "s")) return {};
  return number(info, change_root(text(info[0]).c_str()));
}

// What execve wants: pointers to texts that outlive them, and a null pointer.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& one : texts) pointers.push_back(one.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> texts(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> result;
  for (uint32_t i = 0; i < array.Length(); i += 1) result.push_back(array.Get(i).ToString());
  return result;
}

Napi::Value ReplaceProcess(const Napi::CallbackInfo& info) {
  if (!fits(info, "saa")) return {};
  std::vector<std::string> arguments = texts(info[1]);
  std::vector<std::string> environment = texts(info[2]);
  return number(info,
                replace_process(text(info[0]).c_str(), pointers_to(arguments).data(), pointers_to(environment).data()));
}

Napi::Value LockFile(const Napi::CallbackInfo& info) {
  if (!fits(info, "n")) return {};
  return number(info, lock_file(integer(info[0])));
}

Napi::Value SetCloseOnExec(const Napi::CallbackInfo& info) {
  if (!fits(info, "nb")) return {};
  return number(info, set_close_on_exec(integer(info[0]), info[1].As<Napi::Boolean>()));
}

Napi::Value Duplicate(const Napi::CallbackInfo& info) {
  if (!fits(info, "n")) return {};
  return number(info, duplicate(integer(info[0])));
}

Napi::Value Redirect(const Napi::CallbackInfo& info) {
  if (!fits(info, "nn")) return {};
  return number(info, redirect(integer(info[0]), integer(info[1])));
}

Napi::Value OpenDatagram(const Napi::CallbackInfo& info) {
  if (!fits(info, "u")) return {};
  const auto block = info[0].As<Napi::Uint8Array>();
  return number(info, open_datagram(block.Data(), block.ByteLength()));
}

Napi::Value FindUser(const Napi::CallbackInfo& info) {
  if (!fits(info, "s")) return {};
  uid_t user = 0;
  gid_t group = 0;
  const int error = find_user(text(info[0]).c_str(), &user, &group);
  if (error != 0) return number(info, error);
  auto pair = Napi::Array::New(info.Env(), 2);
  pair.Set(0u, number(info, user));
  pair.Set(1u, number(info, group));
  return pair;
}

Napi::Value FindGroup(const Napi::CallbackInfo& info) {
  if (!fits(info, "s")) return {};
  gid_t group = 0;
  const int error = find_group(text(info[0]).c_str(), &group);
  return number(info, error != 0 ? error : static_cast<int64_t>(group));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto* module = new Module();
  env.AddCleanupHook([module] { delete module; });
  const auto define = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name, module));
  };
  define("maxHandles", MaxHandles);
  define("open", Open);
  define("now", Now);
  define("listen", Listen);
  define("connect", Connect);
  define("limit", Limit);
  define("refused", Refused);
  define("adopt", Adopt);
  define("tune", Tune);
  define("release", Release);
  define("address", Address);
  define("descriptor", Descriptor);
  define("lingering", Lingering);
  define("unsentOutput", UnsentOutput);
  define("reference", Reference);
  define("referenced", Referenced);
  define("setReferenced", SetReferenced);
  define("drain", Drain);
  define("flush", Flush);
  define("changeRoot", ChangeRoot);
  define("replaceProcess", ReplaceProcess);
  define("lockFile", LockFile);
  define("setCloseOnExec", SetCloseOnExec);
  define("duplicate", Duplicate);
  define("redirect", Redirect);
  define("openDatagram", OpenDatagram);
  define("findUser", FindUser);
  define("findGroup", FindGroup);
  return exports;
}

}  // namespace

}  // namespace netmux

static Napi::Object InitModule(Napi::Env env, Napi::Object exports) { return netmux::Init(env, exports); }

NODE_API_MODULE(netmux, InitModule)
