# The native reactor. One binary for every Node from 20.3 on: Node-API 9 and nothing of V8 or libuv's ABI but what is stable.
{
  'targets': [
    {
      'target_name': 'netmux',
      'sources': [
        'native/addon.cc',
        'native/address_counts.cc',
        'native/admission.cc',
        'native/connect_retries.cc',
        'native/loop_hook.cc',
        'native/memory.cc',
        'native/outbox.cc',
        'native/process_calls.cc',
        'native/reactor.cc',
        'native/reactor_input.cc',
        'native/reactor_limits.cc',
        'native/reactor_output.cc',
        'native/reactor_slots.cc',
        'native/reference_table.cc',
        'native/slot_table.cc',
        'native/socket_ops.cc',
        'native/system_calls.cc',
        'native/time_limits.cc',
        'native/timer_wheel.cc',
      ],
      'include_dirs': ["<!(node -p \"require('node-addon-api').include_dir\")"],
      'defines': ['NAPI_VERSION=9', 'NAPI_DISABLE_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED'],

      # Node's common.gypi brings a -std of its own (gnu++17 or gnu++20, by version) and silences a warning that we want.
      'cflags!': ['-Wno-unused-parameter'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags': ['-Wall', '-Wextra', '-fvisibility=hidden', '-fstack-protector-strong', '-ffunction-sections', '-fdata-sections'],
      'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fno-rtti', '-fvisibility-inlines-hidden'],

      'configurations': {
        'Release': {
          # Only with optimization: without, glibc warns that it cannot check. -U, since some distributions predefine it.
          'cflags': ['-O3', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2'],
        },
      },

      'conditions': [
        ['OS == "linux"', {
          'sources': ['native/poller_epoll.cc', 'native/poller_watch_poll.cc'],
          'ldflags': ['-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,noexecstack', '-Wl,--as-needed', '-Wl,--gc-sections'],
        }],
        ['OS == "mac"', {
          'sources': ['native/poller_kqueue.cc', 'native/poller_watch_thread.cc'],
          'defines': ['NETMUX_WATCH_THREAD'],
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
            'CLANG_CXX_LIBRARY': 'libc++',
            'DEAD_CODE_STRIPPING': 'YES',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
            'GCC_ENABLE_CPP_RTTI': 'NO',
            'GCC_OPTIMIZATION_LEVEL': '3',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            # The first macOS on arm64, and the oldest that Node's own builds still support.
            'MACOSX_DEPLOYMENT_TARGET': '11.0',
            'WARNING_CFLAGS': ['-Wall', '-Wextra'],
          },
        }],
      ],
    },
  ],
}
