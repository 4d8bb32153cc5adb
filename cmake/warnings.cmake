# One target that carries language level, warnings and hardening; every target of ours links it privately.
add_library(sevenstep_flags INTERFACE)
target_compile_definitions(sevenstep_flags INTERFACE _GNU_SOURCE)
target_compile_options(sevenstep_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
  -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough -Wnull-dereference
  -fno-common -fstack-protector-strong)
if(SEVENSTEP_WERROR)
  target_compile_options(sevenstep_flags INTERFACE -Werror)
endif()
if(SEVENSTEP_SANITIZE)
  target_compile_options(sevenstep_flags INTERFACE
    -fsanitize=${SEVENSTEP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(sevenstep_flags INTERFACE -fsanitize=${SEVENSTEP_SANITIZE})
  # GCC's -Wnull-dereference sees paths through the sanitizers' own checks.
  target_compile_options(sevenstep_flags INTERFACE -Wno-null-dereference)
elseif(CMAKE_BUILD_TYPE MATCHES "Rel")
  target_compile_options(sevenstep_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  target_link_options(sevenstep_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
