/** How often as long as elsewhere everything takes: under a sanitizer a process starts in seconds. Only who hangs waits so long. */
export const SLOWNESS = Number(process.env.NETMUX_SLOWNESS ?? 1);
