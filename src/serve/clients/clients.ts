/** The clients whose configuration can be printed. */
export const CLIENTS = ["containerd", "docker", "podman", "buildkit", "k3s", "spin"] as const;

export type Client = typeof CLIENTS[number];
